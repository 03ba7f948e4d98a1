import io.xlate.edi.stream.EDIInputFactory;
import io.xlate.edi.stream.EDIStreamEvent;
import io.xlate.edi.stream.EDIStreamReader;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.Locale;

/** StAEDI with its checks of the control structure, which are on unless switched off; see child.py. */
public class Staedi {
    public static void main(String[] arguments) throws Exception {
        BufferedReader paths = new BufferedReader(new InputStreamReader(System.in));
        for (String path = paths.readLine(); path != null; path = paths.readLine()) {
            System.gc();
            long begun = System.nanoTime();
            long segments = read(path);
            double seconds = (System.nanoTime() - begun) / 1e9;
            System.out.printf(Locale.ROOT, "{\"seconds\": %.6f, \"counted\": {\"segments\": %d}}%n", seconds, segments);
            System.out.flush();
        }
    }

    private static long read(String path) throws Exception {
        long segments = 0;
        try (InputStream stream = new BufferedInputStream(new FileInputStream(path), 1 << 20);
                EDIStreamReader reader = EDIInputFactory.newFactory().createEDIStreamReader(stream)) {
            while (reader.hasNext()) {
                EDIStreamEvent event = reader.next();
                if (event == EDIStreamEvent.START_SEGMENT) {
                    segments++;
                } else if (event == EDIStreamEvent.ELEMENT_DATA) {
                    reader.getText();
                } else if (event.isError()) {
                    throw new IllegalStateException(event + ": " + reader.getErrorType());
                }
            }
        }
        return segments;
    }
}
