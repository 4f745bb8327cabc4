import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;

import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSData;
import org.bouncycastle.tsp.ers.ERSDataGroup;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;

/**
 * Lets BouncyCastle say of evidence records (RFC 4998) whether they prove some data.
 *
 * One question a line: "data MOMENT RECORD CONTENT" or "group MOMENT RECORD CONTENT…", the moment in milliseconds of
 * Unix time, the rest in base64.
 * One answer a line: "accepted", or "refused" and why.
 */
public class Verify {
    public static void main(String[] none) throws Exception {
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            System.out.println(answer(line.split(" ")));
            System.out.flush();
        }
    }

    private static String answer(String[] words) {
        try {
            List<ERSData> contents = new ArrayList<>();
            for (int at = 3; at < words.length; at++) {
                contents.add(new ERSByteData(Base64.getDecoder().decode(words[at])));
            }
            ERSData data = words[0].equals("group") ? new ERSDataGroup(contents) : contents.get(0);
            verify(Base64.getDecoder().decode(words[2]), data, new Date(Long.parseLong(words[1])));
            return "accepted";
        } catch (Exception fault) {
            return "refused " + fault.toString().replace('\n', ' ');
        }
    }

    private static void verify(byte[] record, ERSData data, Date moment) throws Exception {
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().build();
        ERSEvidenceRecord evidence = new ERSEvidenceRecord(record, digests);
        X509CertificateHolder signer = evidence.getSigningCertificate();
        evidence.validate(new JcaSimpleSignerInfoVerifierBuilder().build(signer));
        evidence.validatePresent(data, moment);
    }
}
